package io.pilus.testing.cases;

import java.util.Locale;

/**
 * What was done to Pilus, and what it lost.
 *
 * @param what what goes wrong; names the case in its chapter
 * @param done what the run did
 * @param times how often
 * @param lost what was lost, let through or left behind
 * @param guard what keeps it from happening, and what was seen when that was taken out
 */
public record FaultCase(Chapter chapter, String what, String done, String times, String lost, String guard) {

    public FaultCase {
        what = cell(what);
        done = cell(done);
        times = cell(times);
        lost = cell(lost);
        guard = cell(guard);
    }

    /** Begins a case. */
    public static Builder of(Chapter chapter, String what) {
        return new Builder(chapter, what);
    }

    String row() {
        return "| " + String.join(" | ", what, done, times, lost, guard) + " |";
    }

    private static String cell(String text) {
        String line = text.strip().replaceAll("\\s+", " ");
        if (line.isEmpty() || line.contains("|")) {
            throw new IllegalArgumentException("'" + text + "' is no cell of a table: it is empty or has a bar");
        }
        return line;
    }

    /** Says one thing after the other. */
    public static final class Builder {

        private final Chapter chapter;
        private final String what;
        private String done = "";
        private String times = "";
        private String lost = "";

        private Builder(Chapter chapter, String what) {
            this.chapter = chapter;
            this.what = what;
        }

        public Builder done(String text) {
            this.done = text;
            return this;
        }

        public Builder times(long count) {
            this.times = String.format(Locale.ROOT, "%,d", count);
            return this;
        }

        public Builder lost(String text) {
            this.lost = text;
            return this;
        }

        public FaultCase guard(String text) {
            return new FaultCase(chapter, what, done, times, lost, text);
        }
    }
}
