package io.pilus.bench;

import java.util.Locale;

/**
 * A number that a gate bounds.
 *
 * @param unit follows the number: "x bare veth", "ms p50"
 */
record Figure(Spread value, String unit, Bound bound, double gate) {

    enum Bound {
        AT_MOST,
        AT_LEAST
    }

    static Figure atMost(double gate, Spread value, String unit) {
        return new Figure(value, unit, Bound.AT_MOST, gate);
    }

    static Figure atLeast(double gate, Spread value, String unit) {
        return new Figure(value, unit, Bound.AT_LEAST, gate);
    }

    /** Judged as it is printed, so that no line says "1.15, gate 1.15, missed". */
    boolean met() {
        double shown = Math.round(value.median() * 100) / 100.0;
        return switch (bound) {
            case AT_MOST -> shown <= gate;
            case AT_LEAST -> shown >= gate;
        };
    }

    @Override
    public String toString() {
        return String.format(Locale.ROOT, "%.2f %s  gate %s", value.median(), unit, number(gate));
    }

    private static String number(double value) {
        return String.format(Locale.ROOT, value == Math.rint(value) ? "%.0f" : "%.2f", value);
    }
}
