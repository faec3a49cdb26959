package io.pilus.identity.view;

/** What matters here of a workload. */
public record SeenWorkload(String namespace, String name, int identity, long modRevision) {}
