package io.pilus.bench;

import java.util.Collection;

/** Times of single operations, and what is said of them. */
record Percentiles(double p50, double p90, double p99) {

    /**
     * @throws IllegalArgumentException when there is no value
     */
    static Percentiles of(Collection<Double> values) {
        if (values.isEmpty()) {
            throw new IllegalArgumentException("nothing was measured");
        }
        double[] sorted =
                values.stream().mapToDouble(Double::doubleValue).sorted().toArray();
        return new Percentiles(at(sorted, 0.50), at(sorted, 0.90), at(sorted, 0.99));
    }

    /** The smallest value that this share of all does not exceed. */
    private static double at(double[] sorted, double share) {
        return sorted[Math.max(0, (int) Math.ceil(share * sorted.length) - 1)];
    }
}
