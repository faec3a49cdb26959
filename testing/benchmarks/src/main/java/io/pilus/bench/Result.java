package io.pilus.bench;

/** What became of one gate in this run. */
sealed interface Result {

    Gate gate();

    /** The closing line. */
    default String line() {
        return gate().id() + "  "
                + switch (this) {
                    case Measured measured -> measured.outcome().line();
                    case Failed failed -> "not measured: " + failed.reason();
                };
    }

    default boolean met() {
        return this instanceof Measured(Gate _, Outcome outcome) && outcome.met();
    }

    record Measured(Gate gate, Outcome outcome) implements Result {}

    record Failed(Gate gate, String reason) implements Result {}
}
