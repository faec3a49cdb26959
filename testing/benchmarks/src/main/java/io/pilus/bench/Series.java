package io.pilus.bench;

import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/**
 * All samples of a run.
 *
 * @param rounds for each round, by variant, by the name of the value
 */
record Series(List<Map<String, Map<String, Double>>> rounds) {

    /** A value of one variant. */
    Spread of(String variant, String value) {
        return each(round -> value(round, variant, value));
    }

    /** A variant's value over its peer's in the same round. */
    Spread ratio(String variant, String peer, String value) {
        return each(round -> value(round, variant, value) / value(round, peer, value));
    }

    /** A variant's rate over its peer's, where the value is a time. */
    Spread rateRatio(String variant, String peer, String time) {
        return each(round -> value(round, peer, time) / value(round, variant, time));
    }

    private Spread each(ToDoubleFunction<Map<String, Map<String, Double>>> figure) {
        return Spread.of(rounds.stream().mapToDouble(figure).boxed().toList());
    }

    private static double value(Map<String, Map<String, Double>> round, String variant, String value) {
        Map<String, Double> sample = round.get(variant);
        Double found = sample == null ? null : sample.get(value);
        if (found == null) {
            throw new IllegalArgumentException("variant '" + variant + "' has no '" + value + "'");
        }
        return found;
    }
}
