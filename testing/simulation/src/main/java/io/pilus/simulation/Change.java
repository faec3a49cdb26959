package io.pilus.simulation;

import io.etcd.jetcd.ByteSequence;
import org.jspecify.annotations.Nullable;

/**
 * What a revision of the {@link SimulatedEtcd} did to one key.
 *
 * @param value null when the key was deleted
 */
public record Change(String key, @Nullable ByteSequence value, long revision) {}
