#ifndef FLOOR_H
#define FLOOR_H

// The floor: what the framework does under exactly-once, written by hand in C for one core. Batches of Kafka's record
// format v2 are read from the page cache, checked (CRC-32C) and decoded; what comes out is encoded, checksummed and
// written to files; every commit interval all open batches, a batch of offsets and an fdatasync of each file make a
// commit. There is no broker, no thread, no lock, no index, no second copy: what a framework costs on top is the ratio.

#include <stdint.h>

typedef struct {
    const char *directory;    // holds the input, and takes the output; it must exist
    int64_t records;          // how many the input has
    int64_t lines;            // how many lines there are for `floor_wordcount`; 0 if it is not run
    int32_t partitions;       // of the input and of each output, 1 to 64
    int64_t commit_ms;        // the commit interval
    int32_t sync;             // 1: a commit waits until it is on the disk; 0: until it is in the page cache
    uint64_t seed;            // of the input's keys and values; not 0
} floor_settings;

typedef struct {
    int32_t error;            // 0, or an errno; EBADMSG: a batch of the input is damaged
    int64_t records;          // read from the input
    int64_t records_out;      // written, to all outputs, without the offsets
    int64_t bytes_out;        // written, likewise
    int64_t commits;
    double seconds;           // wall clock, from the first read to the end of the last commit
    double cpu_seconds;       // of the calling thread, in the same time
} floor_result;

/// Writes the input, `input-<partition>.log`: keys from 0 to 99,999 as 8 bytes, big-endian, spread evenly and placed
/// by a hash of the key; values of 100 lower-case letters; a record each millisecond. And `table-<partition>.log`, a number
/// of 8 bytes for each key, and `lines-<partition>.log`, of 8 to 12 words, Zipf over 10,000. Not to be timed. `bytes_out`
/// is the size of all.
floor_result floor_generate(floor_settings settings);

/// Drops every record whose key is a multiple of ten and puts the value of the others in upper case, into
/// `pipe-<partition>.log`.
floor_result floor_pipe(floor_settings settings);

/// Counts the records of each key; each record in gives one to `changelog-<partition>.log` and one to
/// `count-<partition>.log`, with the key and its count in 8 bytes, big-endian.
floor_result floor_count(floor_settings settings);

/// Counts the records of each key in windows of 10 seconds, and leaves out what comes after its window's end: one record to
/// `window-changelog-<partition>.log`, with key and window, and one to `window-<partition>.log`.
floor_result floor_window(floor_settings settings);

/// Looks the key of each record up in the table, which is read first, and writes the number found there and the length of
/// the value, added, to `join-<partition>.log`. The rows are not among the result's `records`.
floor_result floor_join(floor_settings settings);

/// Splits lines into words, writes each to `repartition-<partition>.log`, placed by a hash of it, reads them there after
/// the next commit, and counts them: one record to `wordcount-changelog-<partition>.log` and one to
/// `wordcount-<partition>.log`, with the word and its count. The result's `records` are the words counted.
floor_result floor_wordcount(floor_settings settings);

/// Reads `<name>-<partition>.log` of all partitions, checks each batch and counts the records and bytes.
floor_result floor_check(floor_settings settings, const char *name);

#endif
