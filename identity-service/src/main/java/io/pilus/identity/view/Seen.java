package io.pilus.identity.view;

/** A value, and the revision that wrote it. */
public record Seen<M>(M value, long modRevision) {}
