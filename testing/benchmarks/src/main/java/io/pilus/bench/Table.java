package io.pilus.bench;

import java.util.List;
import java.util.Map;

/**
 * The variants of one run side by side.
 *
 * @param unit of the values in {@link Row}
 * @param peer the variant that the others are divided by
 */
record Table(String title, String unit, String peer, List<Row> rows) {

    /**
     * @param value median over the rounds
     * @param ratio to the peer, inside a round
     */
    record Row(String variant, Spread value, Spread ratio) {}

    /** All variants of a run, divided by the first. */
    static Table of(String title, String unit, Series series, String value) {
        Map<String, ?> first = series.rounds().getFirst();
        String peer = first.keySet().iterator().next();
        return new Table(
                title,
                unit,
                peer,
                first.keySet().stream()
                        .map(variant -> new Row(variant, series.of(variant, value), series.ratio(variant, peer, value)))
                        .toList());
    }
}
