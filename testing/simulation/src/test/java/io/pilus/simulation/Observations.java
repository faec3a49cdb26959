package io.pilus.simulation;

import java.util.HashMap;
import java.util.Map;

/**
 * What everybody takes a thing to stand for: the store, the views, the kernels. A count for each pair, and never two meanings of one
 * thing at once.
 */
final class Observations<T> {

    private final String what;
    private final Map<T, Map<String, Integer>> meanings = new HashMap<>();

    /**
     * @param what names the thing in failures
     */
    Observations(String what) {
        this.what = what;
    }

    void add(T thing, String meaning, String observer) {
        Map<String, Integer> known = meanings.computeIfAbsent(thing, _ -> new HashMap<>(2));
        known.merge(meaning, 1, Integer::sum);
        if (known.size() > 1) {
            throw new AssertionError("%s %s stands for %s at once; the last was seen by %s"
                    .formatted(what, thing, known.keySet(), observer));
        }
    }

    void remove(T thing, String meaning) {
        Map<String, Integer> known = meanings.get(thing);
        if (known == null || !known.containsKey(meaning)) {
            throw new IllegalStateException(what + " " + thing + " did not stand for " + meaning);
        }
        known.computeIfPresent(meaning, (_, count) -> count == 1 ? null : count - 1);
        if (known.isEmpty()) {
            meanings.remove(thing);
        }
    }

    boolean isEmpty() {
        return meanings.isEmpty();
    }
}
