package io.pilus.node.endpoint;

/** The workload that a caller wants attached. */
public sealed interface WorkloadRef {

    record ByUid(String uid) implements WorkloadRef {
        @Override
        public String toString() {
            return "workload " + uid;
        }
    }

    record ByName(String namespace, String name) implements WorkloadRef {
        @Override
        public String toString() {
            return "workload " + namespace + "/" + name;
        }
    }
}
