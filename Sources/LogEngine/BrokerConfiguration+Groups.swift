import MillraceCoordination
import MillracePrimitives

extension BrokerConfiguration {
    /// What the group coordinator is told.
    var groupSettings: GroupCoordinator.Settings {
        var settings = GroupCoordinator.Settings()
        settings.initialRebalanceDelayMs = max(0, groupInitialRebalanceDelay.wholeMilliseconds)
        settings.groupSizeMaximum = max(1, groupSizeMaximum)
        settings.sessionTimeoutMinimumMs = Int32(clamping: max(0, groupSessionTimeoutMinimum.wholeMilliseconds))
        settings.sessionTimeoutMaximumMs = max(
            settings.sessionTimeoutMinimumMs,
            Int32(clamping: groupSessionTimeoutMaximum.wholeMilliseconds)
        )
        settings.offsetsRetentionMs = max(0, offsetsRetention.wholeMilliseconds)
        return settings
    }
}
