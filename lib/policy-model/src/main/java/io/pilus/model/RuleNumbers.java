package io.pilus.model;

/** Gives each rule the number by which cells, counters and events call it. */
@FunctionalInterface
public interface RuleNumbers {

    /**
     * The same number whenever it is asked for the same rule, another for another.
     *
     * @return 1..{@link Cell#LAST_RULE}
     */
    int of(RuleRef rule);
}
