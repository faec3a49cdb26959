package io.pilus.bench;

import java.util.List;
import java.util.stream.Collectors;

/**
 * What a gate came to.
 *
 * @param figures what is bounded
 * @param tables everything that was measured on the way
 * @param notes how it was done, where the title does not say it
 */
record Outcome(List<Figure> figures, List<Table> tables, List<String> notes) {

    boolean met() {
        return figures.stream().allMatch(Figure::met);
    }

    /** The closing line, without the gate's id. */
    String line() {
        if (figures.isEmpty()) {
            return "measured, nothing is gated";
        }
        return figures.stream().map(Figure::toString).collect(Collectors.joining("; "))
                + (met() ? "  met" : "  missed");
    }
}
