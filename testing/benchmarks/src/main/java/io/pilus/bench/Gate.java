package io.pilus.bench;

/** One line of the design's table of gates. */
interface Gate {

    /** As the design calls it: "D1". */
    String id();

    /** What is measured, in one line. */
    String title();

    Outcome measure(Run run);
}
