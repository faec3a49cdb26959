package io.pilus.model;

/** One write to the maps of a table in force. */
public sealed interface MapChange {

    record PutCell(CellKey key, long cell) implements MapChange {}

    record PutPeerClass(int identity, int peerClass) implements MapChange {}

    record RemovePeerClass(int identity) implements MapChange {}
}
