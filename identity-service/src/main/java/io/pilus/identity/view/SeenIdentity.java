package io.pilus.identity.view;

/**
 * What matters here of an identity.
 *
 * @param hash of its label set
 */
public record SeenIdentity(int id, String hash, boolean retiring, long modRevision) {}
