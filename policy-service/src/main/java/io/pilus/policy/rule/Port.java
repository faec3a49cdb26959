package io.pilus.policy.rule;

import io.pilus.contract.v1.PortRange;
import io.pilus.contract.v1.Protocol;

/** A port that a rule names. */
public sealed interface Port {

    /** By number. */
    record Numbered(PortRange range) implements Port {
        public static Numbered of(Protocol protocol, int first, int last) {
            return new Numbered(PortRange.newBuilder()
                    .setProtocol(protocol)
                    .setFirst(first)
                    .setLast(last)
                    .build());
        }
    }

    /** By the name that the destination pod gives it; each pod may give it another number, or none. */
    record Named(String name, Protocol protocol) implements Port, Comparable<Named> {
        @Override
        public int compareTo(Named other) {
            int byName = name.compareTo(other.name);
            return byName != 0 ? byName : protocol.compareTo(other.protocol);
        }
    }
}
