// StateStores
