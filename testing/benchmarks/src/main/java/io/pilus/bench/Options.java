package io.pilus.bench;

import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;

/**
 * What the command line asks for.
 *
 * @param gates ids in the order given; empty means all
 * @param record whether the results go into docs/measurements.md
 * @param json where the results go as JSON
 */
record Options(List<String> gates, int rounds, boolean record, Path json, boolean help) {

    /**
     * @param home the top of the source tree
     * @throws IllegalArgumentException with what to write instead
     */
    static Options parse(String[] arguments, Path home) {
        List<String> gates = new ArrayList<>();
        int rounds = Rounds.ENOUGH;
        boolean record = false;
        boolean help = false;
        Path json = home.resolve("testing/benchmarks/target/bench.json");
        Deque<String> left = new ArrayDeque<>(List.of(arguments));
        while (!left.isEmpty()) {
            String word = left.pop();
            switch (word) {
                case "--help", "-h", "--list" -> help = true;
                case "--record" -> record = true;
                case "--rounds" -> rounds = number(word, left);
                case "--json" -> json = Path.of(value(word, left));
                default -> {
                    if (word.startsWith("-")) {
                        throw new IllegalArgumentException("there is no option '" + word + "'; --help lists them");
                    }
                    gates.add(word);
                }
            }
        }
        if (record && rounds < Rounds.ENOUGH) {
            throw new IllegalArgumentException(
                    "--record wants at least " + Rounds.ENOUGH + " rounds; " + rounds + " are for trying out");
        }
        return new Options(gates, rounds, record, json, help);
    }

    private static String value(String option, Deque<String> left) {
        if (left.isEmpty()) {
            throw new IllegalArgumentException(option + " wants a value");
        }
        return left.pop();
    }

    private static int number(String option, Deque<String> left) {
        String value = value(option, left);
        try {
            int number = Integer.parseInt(value);
            if (number > 0) {
                return number;
            }
        } catch (NumberFormatException e) {
            throw new IllegalArgumentException(option + " wants a number above 0, '" + value + "' is none", e);
        }
        throw new IllegalArgumentException(option + " wants a number above 0, " + value + " is not");
    }
}
