package io.pilus.bench;

import java.io.PrintStream;

/** Says on a terminal what is being done now, on one line that is overwritten; elsewhere only what begins. */
final class Progress {

    private final PrintStream out;
    private final boolean terminal;
    private String topic = "";

    Progress(PrintStream out, boolean terminal) {
        this.out = out;
        this.terminal = terminal;
    }

    /** A gate, or a part of one, begins. */
    void begin(String newTopic) {
        topic = newTopic;
        if (terminal) {
            step("");
        } else {
            out.println("  " + newTopic);
        }
    }

    void step(String what) {
        if (terminal) {
            out.print("\r\033[K  " + topic + (what.isEmpty() ? "" : ": " + what));
            out.flush();
        }
    }

    /** Clears the line before something is printed for good. */
    void end() {
        if (terminal) {
            out.print("\r\033[K");
            out.flush();
        }
    }
}
