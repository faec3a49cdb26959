package io.pilus.bench;

import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * The method of every gate. In each round the variants take turns, in an order that is reversed from round to round, on a
 * CPU that changes every second round. A figure is made inside a round; the run's is the median over the rounds, with its
 * range. So what changes slowly (the CPU's speed, the machine's other work) meets all variants alike.
 */
final class Rounds {

    /** The fewest rounds whose median is worth recording. */
    static final int ENOUGH = 11;

    /** One of the things that are compared. */
    interface Variant {

        String name();

        /**
         * Measures once; the names of the values are the variant's and its peers' to agree on.
         *
         * @param cpu the CPU to run on, where that can be chosen
         */
        Map<String, Double> measure(int cpu);
    }

    private Rounds() {}

    static Series run(List<? extends Variant> variants, int rounds, Progress progress) {
        int cpus = Runtime.getRuntime().availableProcessors();
        List<Map<String, Map<String, Double>>> measured = new ArrayList<>();
        for (int round = 0; round < rounds; round++) {
            List<? extends Variant> order = round % 2 == 0 ? variants : variants.reversed();
            Map<String, Map<String, Double>> samples = new LinkedHashMap<>();
            for (Variant variant : variants) {
                samples.put(variant.name(), Map.of());
            }
            for (Variant variant : order) {
                progress.step("round %d of %d: %s".formatted(round + 1, rounds, variant.name()));
                samples.put(variant.name(), variant.measure(round / 2 % cpus));
            }
            measured.add(samples);
        }
        return new Series(measured);
    }
}
