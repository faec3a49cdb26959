package io.pilus.etcd;

/**
 * A value as it was read.
 *
 * @param key the whole key
 * @param modRevision the revision that wrote the value; compare it before writing again
 * @param createRevision the revision that created the key
 */
public record Versioned<M>(String key, M value, long modRevision, long createRevision) {}
