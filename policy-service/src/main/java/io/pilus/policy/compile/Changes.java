package io.pilus.policy.compile;

import java.util.HashSet;
import java.util.Set;

/** Which keys of the compiled form may have changed. */
public final class Changes {

    private boolean everything = true;
    private boolean noted;
    private Set<String> sets = new HashSet<>();
    private Set<String> policies = new HashSet<>();
    private Set<Integer> identities = new HashSet<>();

    /** Whether all keys must be looked at, and the sets below say nothing. */
    public boolean everything() {
        return everything;
    }

    public Set<String> sets() {
        return sets;
    }

    public Set<String> policies() {
        return policies;
    }

    public Set<Integer> identities() {
        return identities;
    }

    /** Whether nothing has happened; something may have without any key to change. */
    public boolean isEmpty() {
        return !everything && !noted && sets.isEmpty() && policies.isEmpty() && identities.isEmpty();
    }

    /** Whoever looks next looks at all keys. */
    public void all() {
        clear();
        everything = true;
    }

    void clear() {
        everything = false;
        noted = false;
        sets = new HashSet<>();
        policies = new HashSet<>();
        identities = new HashSet<>();
    }

    /** Something has happened, be it without effect. */
    void note() {
        noted = true;
    }

    void identity(int id) {
        identities.add(id);
    }
}
