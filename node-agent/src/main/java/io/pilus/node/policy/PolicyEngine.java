package io.pilus.node.policy;

import io.pilus.contract.Key;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.CompiledPolicy;
import io.pilus.contract.v1.IdentityPolicy;
import io.pilus.contract.v1.RealisedError;
import io.pilus.contract.v1.Rule;
import io.pilus.etcd.UnreadableValueException;
import io.pilus.model.AppliedPolicy;
import io.pilus.model.Compilation;
import io.pilus.model.RuleNumbers;
import io.pilus.model.RuleRef;
import io.pilus.model.TableCompiler;
import io.pilus.model.TableDelta;
import io.pilus.model.VerdictTable;
import io.pilus.node.policy.KernelTables.KernelTable;
import io.pilus.node.state.ClusterView;
import io.pilus.node.state.Delta;
import io.pilus.node.state.Entry;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * Keeps the verdict tables in the kernel equal to what the view says of this node's subjects. A subject changes tables by
 * one store, and keeps the one it has while the next cannot be made; one that never had a table has none, and passes nothing.
 *
 * <p>The order in which a revision reaches the kernel: identities that are gone stop to be known; new tables are written and
 * pointed to; the tables in force learn of identities; new identities begin to be known; what may have been taken away is
 * judged again. Whom a full map keeps from the class that is due is denied meanwhile.
 *
 * <p>Not safe for use by several threads.
 */
final class PolicyEngine {

    private final ClusterView cluster;
    private final KernelTables kernel;
    private final Slots slots;
    private final RuleNumbers numbers;
    private final Peers peers;
    private final Map<List<String>, Table> tables = new LinkedHashMap<>();
    private final Map<Integer, Subject> subjects = new TreeMap<>();
    private final List<Runnable> retired = new ArrayList<>();

    /** Identities that the kernel must not count as known yet, and the tables in force that have no room for them. */
    private final Map<Integer, Set<Table>> heldBack = new HashMap<>();

    /** Subjects from which the change that is going on may have taken something away. */
    private final Set<Integer> tightened = new HashSet<>();

    PolicyEngine(ClusterView cluster, KernelTables kernel, Slots slots, RuleNumbers numbers) {
        this.cluster = cluster;
        this.kernel = kernel;
        this.slots = slots;
        this.numbers = numbers;
        this.peers = new Peers(cluster);
    }

    /**
     * Why something is not as the view says.
     *
     * @param about for people: a document, or an identity
     * @param reason a slug
     */
    private record Failure(String about, String reason, String message) {

        /**
         * @param documents which it concerns; none when that is not known
         */
        RealisedError error(Set<String> documents) {
            return RealisedError.newBuilder()
                    .setSubject(about)
                    .setReason(reason)
                    .setMessage(message)
                    .addAllDocuments(documents)
                    .build();
        }
    }

    /** A policy list that subjects share, and its table in force. */
    private static final class Table {
        final List<String> policies;
        final Set<Integer> subjects = new HashSet<>();

        @Nullable
        KernelTable kernel;

        Set<String> sets = Set.of();
        Set<String> documents = Set.of();

        /** Identities that are not judged as they should be, for want of room. */
        final Set<Integer> unwritten = new HashSet<>();

        /** Its policies have changed, or it has no class for somebody: only one that is made anew says what the view says. */
        boolean outdated;

        /** Why the table is not what the view says now. */
        @Nullable
        Failure failure;

        Table(List<String> policies) {
            this.policies = policies;
        }
    }

    private static final class Subject {
        final int identity;

        /** The table in force. */
        @Nullable
        Table table;

        /** Why it is not the one that the view asks for. */
        @Nullable
        Failure failure;

        Subject(int identity) {
            this.identity = identity;
        }
    }

    /** A table before it is in the kernel. */
    private record Compiled(VerdictTable model, Set<String> sets, Set<String> documents) {}

    /**
     * Brings the kernel in line with the whole view, taking over the tables that say the same. To be called once, before
     * anything else, when the view is whole.
     *
     * @param wanted the identities that are subjects here
     * @param attached the slots that endpoints in the kernel name, by identity
     */
    void start(Set<Integer> wanted, Map<Integer, Integer> attached) {
        peers.load();
        attached.forEach(slots::adopt);
        wanted.forEach(identity -> subjects.put(identity, new Subject(identity)));
        judgingAgain(() -> {
            List<Integer> gone = kernel.known().stream()
                    .filter(identity -> !peers.isKnown(identity))
                    .toList();
            if (!gone.isEmpty() || slots.isTakingAway()) {
                everybodyIsTightened();
            }
            gone.forEach(kernel::forget);
            subjects.values().forEach(this::settle);
            gone.forEach(kernel::forgetUnmodelled);
            peers.known().forEach(this::introduce);
            slots.clearRest();
            retire();
        });
    }

    /** Has exactly these identities as subjects. */
    void subjects(Set<Integer> wanted) {
        for (int identity : Set.copyOf(subjects.keySet())) {
            if (!wanted.contains(identity)) {
                leave(identity);
            }
        }
        for (int identity : wanted) {
            if (!subjects.containsKey(identity)) {
                var subject = new Subject(identity);
                subjects.put(identity, subject);
                settle(subject);
            }
        }
        retire();
    }

    /** Brings the kernel in line with a revision that is in the view. */
    void apply(Delta delta) {
        judgingAgain(() -> bring(delta));
    }

    private void bring(Delta delta) {
        Peers.Changes changes = peers.apply(delta);
        if (!changes.forgotten().isEmpty()) {
            slots.beginTakingAway();
            if (kernel.hasUnmodelled()) {
                everybodyIsTightened();
            }
        }
        changes.forgotten().forEach(identity -> {
            kernel.forget(identity);
            heldBack.remove(identity);
            kernel.forgetUnmodelled(identity);
        });
        boolean policyChanged = !changes.sets().isEmpty();
        for (Delta.Put put : delta.puts()) {
            policyChanged |= Keys.RULES.contains(put.now().key());
        }
        Set<Table> rebuilt = policyChanged ? rebuild(stale(delta, changes.sets())) : Set.of();
        for (Delta.Put put : delta.puts()) {
            Subject subject = subject(put.now());
            if (subject != null) {
                settle(subject);
            }
        }
        if (policyChanged) {
            subjects.values().stream()
                    .filter(subject -> subject.failure != null)
                    .forEach(this::settle);
        }
        for (Table table : tables.values()) {
            if (!rebuilt.contains(table)) {
                reclassify(table, changes);
            }
        }
        changes.moved().forEach(this::unresolveUnmodelled);
        changes.introduced().forEach(this::introduce);
        List.copyOf(heldBack.keySet()).forEach(this::introduce);
        retire();
    }

    /** Tries again what had failed. */
    void retry() {
        judgingAgain(this::mend);
    }

    private void mend() {
        Set<Table> failed = new LinkedHashSet<>();
        for (Table table : tables.values()) {
            repair(table);
            if (table.failure != null) {
                failed.add(table);
            }
        }
        rebuild(failed);
        for (Subject subject : subjects.values()) {
            if (subject.failure != null) {
                settle(subject);
            }
        }
        List.copyOf(heldBack.keySet()).forEach(this::introduce);
        retire();
    }

    /** Ends a change, also one that fails half way, with open connections being judged again where it may have taken something away. */
    private void judgingAgain(Runnable change) {
        try {
            change.run();
        } catch (RuntimeException | Error e) {
            everybodyIsTightened();
            throw e;
        } finally {
            tightened.forEach(slots::raise);
            tightened.clear();
            slots.endTakingAway();
        }
    }

    private void everybodyIsTightened() {
        tighten(subjects.keySet());
    }

    /** To be called before something is taken away from subjects, so that it is not forgotten if the agent ends meanwhile. */
    private void tighten(Set<Integer> some) {
        slots.beginTakingAway();
        tightened.addAll(some);
    }

    /** Whether {@link #retry} has anything to do. */
    boolean hasFailures() {
        return !heldBack.isEmpty()
                || tables.values().stream().anyMatch(table -> table.failure != null)
                || subjects.values().stream().anyMatch(subject -> subject.failure != null);
    }

    /** Whether the identity has a key in the view. */
    boolean isKnown(int identity) {
        return peers.isKnown(identity);
    }

    /** The subject's slot, when its table is in force and is the one that the view asks for. */
    Optional<Integer> ready(int identity) {
        Subject subject = subjects.get(identity);
        return subject == null || subject.table == null || subject.failure != null || subject.table.failure != null
                ? Optional.empty()
                : slots.of(identity);
    }

    /** The slot by which the subject is judged now, whether or not by what the view asks for. */
    Optional<Integer> slot(int identity) {
        return slots.of(identity);
    }

    /** Why {@link #ready} says nothing; empty when nothing is known to be wrong. */
    Optional<String> obstacle(int identity) {
        Subject subject = subjects.get(identity);
        if (subject == null) {
            return Optional.empty();
        }
        Failure failure = subject.failure != null || subject.table == null ? subject.failure : subject.table.failure;
        return Optional.ofNullable(failure).map(found -> found.about() + ": " + found.message());
    }

    /** The documents that tables in force hold, as {@link RuleRef#document} writes them. */
    Set<String> documents() {
        Set<String> documents = new HashSet<>();
        tables.values().forEach(table -> documents.addAll(table.documents));
        return documents;
    }

    /** What is not as the view says, and why. */
    List<RealisedError> errors() {
        Set<RealisedError> errors = new LinkedHashSet<>();
        for (Table table : tables.values()) {
            if (table.failure != null) {
                errors.add(table.failure.error(concerned(table.policies, table.documents)));
            }
        }
        for (Subject subject : subjects.values()) {
            if (subject.failure != null) {
                errors.add(subject.failure.error(concerned(subject)));
            }
        }
        peers.unreadable().forEach((key, reason) -> errors.add(new Failure(key, "unreadable", reason).error(Set.of())));
        heldBack.keySet()
                .forEach(identity -> errors.add(new Failure(
                                "identity " + identity,
                                "full",
                                "there is no room to know it: its packets are dropped as unresolved. Put fewer pods on this node")
                        .error(Set.of())));
        return List.copyOf(errors);
    }

    /** The documents by which the subject should be judged, and those by which it is. */
    private Set<String> concerned(Subject subject) {
        if (subject.table == null && slots.of(subject.identity).isPresent()) {
            // a table of an earlier life is in force, and nobody knows what is in it
            return Set.of();
        }
        try {
            return cluster.read(Keys.identityPolicy(subject.identity))
                    .map(policy -> concerned(
                            policy.getPoliciesList(), subject.table == null ? Set.of() : subject.table.documents))
                    .orElse(Set.of());
        } catch (UnreadableValueException e) {
            return Set.of();
        }
    }

    /** The documents of these policies, and those in force; none when one of them cannot be told. */
    private Set<String> concerned(List<String> policies, Set<String> inForce) {
        Set<String> documents = new TreeSet<>(inForce);
        for (String policyId : policies) {
            try {
                Optional<CompiledPolicy> policy = cluster.read(Keys.rules(policyId));
                if (policy.isEmpty()) {
                    return Set.of();
                }
                documents.add(document(policy.get()));
            } catch (UnreadableValueException e) {
                return Set.of();
            }
        }
        return documents;
    }

    /** Removes tables that no slot names any more: to be run later, as a packet that read the slot before may be looking into them. */
    List<Runnable> takeRetired() {
        List<Runnable> taken = List.copyOf(retired);
        retired.clear();
        return taken;
    }

    /** How much of each map the tables in force fill. */
    Map<String, Integer> fill() {
        int peerEntries = kernel.known().size();
        int addressEntries = 0;
        int portEntries = 0;
        int cellEntries = 0;
        int headers = 0;
        for (Table table : tables.values()) {
            if (table.kernel != null) {
                VerdictTable model = table.kernel.model();
                headers++;
                peerEntries += model.peerClasses().size();
                addressEntries += model.addressClasses().size();
                portEntries += model.portClasses().size();
                cellEntries += model.cells().size();
            }
        }
        return Map.of(
                "slots", slots.count(),
                "tables", headers,
                "peer_classes", peerEntries,
                "address_classes", addressEntries,
                "port_classes", portEntries,
                "cells", cellEntries);
    }

    private @Nullable Subject subject(Entry entry) {
        return Keys.IDENTITY_POLICIES.contains(entry.key())
                ? subjects.get(Keys.identityNumber(Keys.IDENTITY_POLICIES.parts(entry.key())[0]))
                : null;
    }

    /** Puts the subject under the table of its policy list. */
    private void settle(Subject subject) {
        IdentityPolicy policy;
        try {
            Optional<IdentityPolicy> found = cluster.read(Keys.identityPolicy(subject.identity));
            if (found.isEmpty()) {
                return;
            }
            policy = found.get();
        } catch (UnreadableValueException e) {
            subject.failure = new Failure("identity " + subject.identity, "unreadable", String.valueOf(e.getMessage()));
            return;
        }
        List<String> list = List.copyOf(policy.getPoliciesList());
        Table table = tables.computeIfAbsent(list, Table::new);
        if (table.kernel == null) {
            fill(table, subject);
        }
        KernelTable inForce = table.kernel;
        if (inForce == null || (table.failure != null && subject.table != table)) {
            subject.failure = table.failure;
            return;
        }
        try {
            Optional<Integer> slot = slots.of(subject.identity);
            if (slot.isEmpty() || slots.table(slot.get()) != inForce.number()) {
                slots.point(subject.identity, inForce.number());
            }
        } catch (TableFullException e) {
            subject.failure = new Failure("identity " + subject.identity, "full", String.valueOf(e.getMessage()));
            return;
        }
        move(subject, table);
        subject.failure = null;
    }

    /** Gives a list its first table: the one that the subject has in the kernel, if that says the same. */
    private void fill(Table table, Subject subject) {
        Compiled compiled = compile(table);
        if (compiled == null) {
            return;
        }
        Optional<KernelTable> adopted =
                slots.of(subject.identity).flatMap(slot -> kernel.adopt(slots.table(slot), compiled.model()));
        if (adopted.isPresent()) {
            put(table, compiled, adopted.get());
        } else {
            write(table, compiled);
        }
    }

    private void move(Subject subject, Table table) {
        if (subject.table != null) {
            subject.table.subjects.remove(subject.identity);
        }
        subject.table = table;
        table.subjects.add(subject.identity);
    }

    private void leave(int identity) {
        Subject subject = subjects.remove(identity);
        if (subject != null && subject.table != null) {
            subject.table.subjects.remove(identity);
        }
        slots.release(identity);
    }

    /** The tables of which a revision changed a policy or a set of addresses, and those that wait for one. */
    private Set<Table> stale(Delta delta, Set<String> sets) {
        Set<String> changed = new HashSet<>();
        for (Delta.Put put : delta.puts()) {
            if (Keys.RULES.contains(put.now().key())) {
                changed.add(Keys.RULES.parts(put.now().key())[0]);
            }
        }
        Set<String> addressSets = new HashSet<>();
        for (String set : sets) {
            if (peers.view().addresses(set) != null) {
                addressSets.add(set);
            }
        }
        Set<Table> stale = new LinkedHashSet<>();
        for (Table table : tables.values()) {
            if (table.policies.stream().anyMatch(changed::contains)
                    || table.sets.stream().anyMatch(addressSets::contains)) {
                table.outdated = true;
            }
            if (table.outdated || table.failure != null) {
                stale.add(table);
            }
        }
        return stale;
    }

    /**
     * Makes tables anew and has their subjects judged by them.
     *
     * @return those that were
     */
    private Set<Table> rebuild(Set<Table> stale) {
        Set<Table> rebuilt = new HashSet<>();
        for (Table table : stale) {
            Compiled compiled = compile(table);
            if (compiled == null) {
                continue;
            }
            KernelTable before = table.kernel;
            if (write(table, compiled)) {
                KernelTable now = table.kernel;
                if (now != null) {
                    table.subjects.forEach(identity -> slots.point(identity, now.number()));
                }
                if (before != null) {
                    retired.add(() -> kernel.remove(before));
                }
                rebuilt.add(table);
            }
        }
        return rebuilt;
    }

    /** Has a table that stays in force learn which identities came, moved and went. */
    private void reclassify(Table table, Peers.Changes changes) {
        KernelTable inForce = table.kernel;
        if (inForce == null) {
            return;
        }
        VerdictTable model = inForce.model();
        for (int identity : changes.introduced()) {
            learn(table, inForce, identity, model.introduce(identity, peers.setsOf(identity)));
        }
        for (int identity : changes.moved()) {
            learn(table, inForce, identity, model.reclassify(identity, peers.setsOf(identity)));
        }
        for (int identity : changes.forgotten()) {
            table.unwritten.remove(identity);
            learn(table, inForce, identity, Optional.of(model.forget(identity)));
        }
        repair(table);
    }

    /** Writes what there was no room for. */
    private void repair(Table table) {
        KernelTable inForce = table.kernel;
        if (inForce == null || table.failure == null) {
            return;
        }
        if (!table.unwritten.isEmpty()) {
            tighten(table.subjects);
        }
        try {
            for (int identity : List.copyOf(table.unwritten)) {
                kernel.repair(inForce, identity);
                table.unwritten.remove(identity);
                Set<Table> full = heldBack.get(identity);
                if (full != null) {
                    full.remove(table);
                }
            }
            if (!table.outdated) {
                table.failure = null;
            }
        } catch (TableFullException e) {
            table.failure = full(table, e);
        }
    }

    /** The table is what the view says. */
    private void written(Table table) {
        table.failure = null;
        table.outdated = false;
        table.unwritten.clear();
        heldBack.values().forEach(full -> full.remove(table));
    }

    private static Failure full(Table table, TableFullException e) {
        return new Failure(
                about(table),
                "full",
                "identities " + table.unwritten + " are not judged as they should be: " + e.getMessage()
                        + "; select fewer peers, or put fewer pods on this node");
    }

    private void learn(Table table, KernelTable inForce, int identity, Optional<TableDelta> delta) {
        if (delta.isEmpty()) {
            table.unwritten.remove(identity);
            table.outdated = true;
            table.failure = new Failure(
                    about(table), "too-many-classes", "no class is left for identity " + identity + "; it is denied");
            deny(table, inForce, identity);
            return;
        }
        boolean takesAway = delta.get().takesAway();
        if (takesAway) {
            tighten(table.subjects);
        }
        try {
            kernel.apply(inForce, delta.get().changes());
        } catch (TableFullException e) {
            if (!kernel.known().contains(identity)) {
                holdBack(identity, table);
            }
            if (takesAway) {
                deny(table, inForce, identity);
            }
            table.unwritten.add(identity);
            table.failure = full(table, e);
        }
    }

    /** Has the identity judged as one that is not known, which is never more than it should be allowed. */
    private void deny(Table table, KernelTable inForce, int identity) {
        tighten(table.subjects);
        try {
            kernel.unresolve(inForce, identity);
        } catch (TableFullException e) {
            // without room to say so here, nobody may know it
            everybodyIsTightened();
            kernel.forget(identity);
            holdBack(identity, table);
        }
    }

    private void holdBack(int identity, Table table) {
        heldBack.computeIfAbsent(identity, _ -> new HashSet<>()).add(table);
    }

    /** The kernel counts it as known from here on, unless a table in force has no room for it. */
    private void introduce(int identity) {
        Set<Table> full = heldBack.getOrDefault(identity, Set.of());
        if (kernel.known().contains(identity) || !full.isEmpty()) {
            return;
        }
        try {
            unresolveInUnmodelled(identity);
            kernel.know(identity);
            heldBack.remove(identity);
        } catch (TableFullException e) {
            heldBack.put(identity, new HashSet<>());
            if (kernel.hasUnmodelled()) {
                everybodyIsTightened();
            }
        }
    }

    /** Tables that nobody has taken over cannot tell where a known identity belongs now. */
    private void unresolveUnmodelled(int identity) {
        try {
            unresolveInUnmodelled(identity);
        } catch (TableFullException e) {
            everybodyIsTightened();
            kernel.forget(identity);
            heldBack.computeIfAbsent(identity, _ -> new HashSet<>());
        }
    }

    private void unresolveInUnmodelled(int identity) {
        if (kernel.hasUnmodelled()) {
            slots.beginTakingAway();
            if (kernel.unresolveUnmodelled(identity)) {
                everybodyIsTightened();
            }
        }
    }

    /** Tables without a subject go. */
    private void retire() {
        for (Table table : List.copyOf(tables.values())) {
            if (table.subjects.isEmpty()) {
                tables.remove(table.policies);
                peers.disuse(table.sets);
                heldBack.values().forEach(full -> full.remove(table));
                KernelTable inForce = table.kernel;
                if (inForce != null) {
                    retired.add(() -> kernel.remove(inForce));
                }
            }
        }
        if (kernel.hasUnmodelled()) {
            retired.addAll(kernel.takeUnmodelled(slots.tables()));
        }
    }

    /** Null when it cannot be; the table then says why, and stays as it is. */
    private @Nullable Compiled compile(Table table) {
        List<AppliedPolicy> applied = new ArrayList<>();
        Set<String> sets = new HashSet<>();
        Set<String> documents = new HashSet<>();
        for (String policyId : table.policies) {
            Key<CompiledPolicy> key = Keys.rules(policyId);
            try {
                Optional<CompiledPolicy> policy = cluster.read(key);
                if (policy.isEmpty()) {
                    table.failure = new Failure(
                            "policy " + policyId,
                            "missing",
                            "the key " + key + " has not come; the policy-service writes it");
                    return null;
                }
                var one = new AppliedPolicy(policyId, policy.get());
                applied.add(one);
                documents.add(document(policy.get()));
                for (Rule rule : policy.get().getRulesList()) {
                    sets.addAll(rule.getPeerSetsList());
                }
            } catch (UnreadableValueException e) {
                table.failure = new Failure("policy " + policyId, "unreadable", String.valueOf(e.getMessage()));
                return null;
            }
        }
        peers.use(sets);
        Compilation compilation = TableCompiler.compile(applied, peers.view(), numbers);
        switch (compilation) {
            case Compilation.Compiled made -> {
                return new Compiled(made.table(), sets, documents);
            }
            case Compilation.TooMany tooMany ->
                table.failure = new Failure(tooMany.document().document(), "too-large", tooMany.message());
            case Compilation.NotUnderstood not ->
                table.failure = new Failure(not.rule().document(), "not-understood", not.message());
        }
        peers.disuse(sets);
        return null;
    }

    /** Whether there was room; if not, what was in force still is. */
    private boolean write(Table table, Compiled compiled) {
        try {
            put(table, compiled, kernel.write(compiled.model()));
            return true;
        } catch (TableFullException e) {
            peers.disuse(compiled.sets());
            table.documents = table.documents.isEmpty() ? compiled.documents() : table.documents;
            table.failure = new Failure(
                    about(table),
                    "full",
                    e.getMessage()
                            + "; what was in force still is. Select fewer peers, or put fewer pods on this node");
            return false;
        }
    }

    private void put(Table table, Compiled compiled, KernelTable inForce) {
        peers.disuse(table.sets);
        table.kernel = inForce;
        table.sets = compiled.sets();
        table.documents = compiled.documents();
        written(table);
    }

    private static String about(Table table) {
        return table.documents.isEmpty()
                ? "policies " + table.policies
                : String.join(", ", table.documents.stream().sorted().toList());
    }

    private static String document(CompiledPolicy policy) {
        return new RuleRef(policy.getKind(), policy.getNamespace(), policy.getName(), "").document();
    }
}
