package io.pilus.bench;

import io.pilus.lab.Answer;
import io.pilus.lab.Lab;
import io.pilus.lab.Service;

/** Policy documents of a lab. */
final class Policies {

    private Policies() {}

    /**
     * States a NetworkPolicy of namespace "default", and returns when every node enforces it.
     *
     * @throws IllegalStateException when some node does not in time
     */
    static void enforce(Lab lab, String name, String document) {
        Answer answer = lab.rest(Service.POLICY)
                .put("/v1/documents/NetworkPolicy/default/" + name + "?wait=enforced", document)
                .orThrow();
        if (answer.status() != 200) {
            throw new IllegalStateException("policy '" + name + "' is not enforced: " + answer.body());
        }
    }
}
