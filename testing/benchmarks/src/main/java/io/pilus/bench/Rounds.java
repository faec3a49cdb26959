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

    /** Measures all variants once. */
    @FunctionalInterface
    interface Round {

        /**
         * @param number counts from 0; odd rounds go the other way round
         * @param cpu the CPU to run on, where that can be chosen
         * @return by variant, by the name of the value; in the same order in every round
         */
        Map<String, Map<String, Double>> measure(int number, int cpu);
    }

    private Rounds() {}

    /** Variants that run one after the other. */
    static Series run(List<? extends Variant> variants, int rounds, Progress progress) {
        return run((number, cpu) -> inTurns(variants, number, cpu), rounds, progress);
    }

    static Series run(Round round, int rounds, Progress progress) {
        int cpus = Runtime.getRuntime().availableProcessors();
        List<Map<String, Map<String, Double>>> measured = new ArrayList<>();
        for (int number = 0; number < rounds; number++) {
            progress.step("round %d of %d".formatted(number + 1, rounds));
            measured.add(round.measure(number, number / 2 % cpus));
        }
        return new Series(measured);
    }

    private static Map<String, Map<String, Double>> inTurns(List<? extends Variant> variants, int number, int cpu) {
        Map<String, Map<String, Double>> samples = new LinkedHashMap<>();
        for (Variant variant : variants) {
            samples.put(variant.name(), Map.of());
        }
        for (Variant variant : number % 2 == 0 ? variants : variants.reversed()) {
            samples.put(variant.name(), variant.measure(cpu));
        }
        return samples;
    }
}
