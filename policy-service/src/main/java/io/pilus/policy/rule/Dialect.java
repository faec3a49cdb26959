package io.pilus.policy.rule;

import com.fasterxml.jackson.databind.node.ObjectNode;

/** One kind of policy document: how it is read. */
public interface Dialect {

    /** As in the document's field {@code kind}. */
    String kind();

    /** As in the document's field {@code apiVersion}. */
    String apiVersion();

    /** Whether its documents live in a namespace. */
    boolean namespaced();

    /**
     * Reads the part of the document that is its own: everything but {@code apiVersion}, {@code kind} and {@code metadata}.
     * Takes note in {@code findings} of all that is wrong; the answer is of use only when nothing is.
     */
    Policy read(DocumentName name, ObjectNode document, Findings findings);
}
