package io.pilus.rest;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** Name of an address pool. */
public record PoolName(@JsonValue String value) {

    /**
     * @throws ProblemException 400 when the name is not allowed
     */
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public PoolName {
        Names.label("pool", value);
    }

    @Override
    public String toString() {
        return value;
    }
}
