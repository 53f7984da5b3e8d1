"""Reads the log files of one partition directory with kafka-python, and prints what is in them as JSON.

usage: read_partition.py <directory>
"""

import json
import os
import struct
import sys

from kafka.record import MemoryRecords

CODECS = ["none", "gzip", "snappy", "lz4", "zstd"]
TIMESTAMP_TYPES = ["CreateTime", "LogAppendTime"]


def text(data):
    return None if data is None else bytes(data).decode("utf-8")


def read_file(directory, name, batches, records):
    with open(os.path.join(directory, name), "rb") as file:
        data = file.read()
    walk = MemoryRecords(data)
    position = 0
    while walk.has_next():
        batch = walk.next_batch()
        if not batch.validate_crc():
            raise ValueError("%s at %d: the checksum is wrong" % (name, position))
        control = []
        for record in batch:
            delta = record.offset - batch.base_offset
            if batch.is_control_batch:
                _, kind = struct.unpack(">hh", record.key)
                _, coordinator_epoch = struct.unpack(">hi", record.value)
                control.append({
                    "offset": record.offset,
                    "timestamp": record.timestamp,
                    "type": ["abort", "commit"][kind],
                    "coordinatorEpoch": coordinator_epoch,
                })
                continue
            records.append({
                "offset": record.offset,
                "timestamp": record.timestamp,
                "key": text(record.key),
                "value": text(record.value),
                "headers": [[name, text(value)] for name, value in record.headers],
                "producerId": batch.producer_id,
                "producerEpoch": batch.producer_epoch,
                "sequence": batch._increment_sequence(batch.base_sequence, delta) if batch.has_sequence else -1,
            })
        batches.append({
            "file": name,
            "position": position,
            "sizeInBytes": batch.size_in_bytes,
            "baseOffset": batch.base_offset,
            "lastOffset": batch.last_offset,
            "recordCount": batch.records_count,
            "partitionLeaderEpoch": batch.leader_epoch,
            "crc": batch.crc,
            "compression": CODECS[batch.compression_type],
            "timestampType": TIMESTAMP_TYPES[batch.timestamp_type],
            "maxTimestamp": batch.max_timestamp,
            "isTransactional": batch.is_transactional,
            "isControl": batch.is_control_batch,
            "producerId": batch.producer_id,
            "producerEpoch": batch.producer_epoch,
            "baseSequence": batch.base_sequence,
            "lastSequence": batch.last_sequence,
            "control": control or None,
        })
        position += batch.size_in_bytes
    if position != len(data):
        raise ValueError("%s ends at %d, and its last whole batch at %d" % (name, len(data), position))


def main():
    directory = sys.argv[1]
    batches, records = [], []
    for name in sorted(os.listdir(directory)):
        if name.endswith(".log"):
            read_file(directory, name, batches, records)
    json.dump({"batches": batches, "records": records}, sys.stdout)


main()
