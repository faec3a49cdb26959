package io.pilus.model;

/** A cell of a verdict table as the datapath holds it: 64 bits, so that it is read whole. Layout: {@code pilus/abi.h}. */
public final class Cell {

    /** No cell: the table has no answer here. */
    public static final long NONE = 0;

    /** The rank of what applies when no rule does. */
    public static final int LAST_RANK = 0xffff;

    /** The last number a rule can have. */
    public static final int LAST_RULE = 0xffffff;

    private Cell() {}

    /**
     * @param rank the lower wins
     * @param tier 1 admin, 2 namespace, 3 baseline, 0 none
     * @param rule the number of the rule, 0 for none
     */
    public static long of(int rank, CellAction action, int tier, int rule) {
        if (rank < 0 || rank > LAST_RANK || tier < 0 || tier > 15 || rule < 0 || rule > LAST_RULE) {
            throw new IllegalArgumentException("rank " + rank + ", tier " + tier + ", rule " + rule);
        }
        return (long) rank << 48 | (long) action.code() << 44 | (long) tier << 40 | rule;
    }

    public static int rank(long cell) {
        return (int) (cell >>> 48);
    }

    public static CellAction action(long cell) {
        return CellAction.of((int) (cell >>> 44) & 0xf);
    }

    public static int tier(long cell) {
        return (int) (cell >>> 40) & 0xf;
    }

    public static int rule(long cell) {
        return (int) cell & LAST_RULE;
    }

    public static boolean allows(long cell) {
        return action(cell).allows();
    }

    /** Which of two cells decides; where both say the same, the first. */
    static long decisive(long one, long other) {
        if (one == NONE || other == NONE) {
            return one == NONE ? other : one;
        }
        if (rank(one) != rank(other)) {
            return rank(one) < rank(other) ? one : other;
        }
        return allows(one) && !allows(other) ? other : one;
    }

    public static String format(long cell) {
        return cell == NONE ? "none" : action(cell) + " by rule " + rule(cell) + " at rank " + rank(cell);
    }
}
