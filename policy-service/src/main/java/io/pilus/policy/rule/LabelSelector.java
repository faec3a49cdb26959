package io.pilus.policy.rule;

import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * What labels must say; the empty selector matches everything. Two selectors that ask for the same in other words or another
 * order are equal.
 */
public record LabelSelector(List<Requirement> requirements) {

    public static final LabelSelector EVERYTHING = new LabelSelector(List.of());

    public LabelSelector {
        requirements = requirements.stream().distinct().sorted().toList();
    }

    /** One condition, on one label. */
    public record Requirement(String key, Operator operator, List<String> values) implements Comparable<Requirement> {

        public Requirement {
            values = values.stream().distinct().sorted().toList();
        }

        boolean matches(Map<String, String> labels) {
            String value = labels.get(key);
            return switch (operator) {
                case IN -> value != null && values.contains(value);
                case NOT_IN -> value == null || !values.contains(value);
                case EXISTS -> value != null;
                case DOES_NOT_EXIST -> value == null;
            };
        }

        @Override
        public int compareTo(Requirement other) {
            return toString().compareTo(other.toString());
        }

        @Override
        public String toString() {
            return switch (operator) {
                case IN -> key + " in (" + String.join(",", values) + ")";
                case NOT_IN -> key + " notin (" + String.join(",", values) + ")";
                case EXISTS -> key;
                case DOES_NOT_EXIST -> "!" + key;
            };
        }
    }

    /** How a label is compared. */
    public enum Operator {
        IN,
        /** Also where the label is missing. */
        NOT_IN,
        EXISTS,
        DOES_NOT_EXIST
    }

    public boolean matches(Map<String, String> labels) {
        for (Requirement requirement : requirements) {
            if (!requirement.matches(labels)) {
                return false;
            }
        }
        return true;
    }

    /** Canonical: label keys and values hold none of the characters between them. */
    @Override
    public String toString() {
        return requirements.stream().map(Requirement::toString).collect(Collectors.joining(", "));
    }
}
