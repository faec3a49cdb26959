package io.pilus.model;

/**
 * Where a cell stands in a table.
 *
 * @param peer the class of the peer, or of its address in the two halves for addresses
 * @param port the class of the port
 */
public record CellKey(Half half, Direction direction, int peer, int port) {}
