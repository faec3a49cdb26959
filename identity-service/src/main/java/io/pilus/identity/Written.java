package io.pilus.identity;

import io.pilus.etcd.Versioned;

/**
 * What became of a put.
 *
 * @param stored the object now
 * @param created whether it is new
 */
public record Written<M>(Versioned<M> stored, boolean created) {}
