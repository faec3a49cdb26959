package io.pilus.node.datapath;

/** A map of the datapath has no room for another entry. What it had it keeps. */
public final class MapFullException extends RuntimeException {

    MapFullException(String map, int capacity, Throwable cause) {
        super("the datapath's map %s is full with %d entries".formatted(map, capacity), cause);
    }
}
