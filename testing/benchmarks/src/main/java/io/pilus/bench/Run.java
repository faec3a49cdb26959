package io.pilus.bench;

/**
 * What the gates of one run share.
 *
 * @param rounds how often each variant is measured
 */
record Run(int rounds, Tools tools, LoadGenerator generator, Progress progress) {}
