package io.pilus.rest;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;

/** Name of a workload within its namespace, as Kubernetes allows it for a pod. */
public record WorkloadName(@JsonValue String value) {

    /**
     * @throws ProblemException 400 when the name is not allowed
     */
    @JsonCreator(mode = JsonCreator.Mode.DELEGATING)
    public WorkloadName {
        Names.subdomain("workload", value);
    }

    @Override
    public String toString() {
        return value;
    }
}
