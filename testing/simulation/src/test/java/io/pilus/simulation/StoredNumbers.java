package io.pilus.simulation;

import static java.util.Objects.requireNonNull;

import com.google.protobuf.MessageLite;
import com.google.protobuf.Parser;
import io.etcd.jetcd.ByteSequence;
import io.pilus.contract.Keys;
import io.pilus.contract.v1.Identity;
import io.pilus.contract.v1.Workload;
import io.pilus.identity.workload.Pods;
import io.pilus.messaging.etcd.EtcdChange;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** The store as an observer: which number stands for which label set there, and that every revision agrees with itself and the one before. */
final class StoredNumbers {

    private final Observations<Integer> numbers;
    private final Map<Integer, String> labelOf = new TreeMap<>();
    private final Map<String, Integer> numberOf = new TreeMap<>();
    private final Set<Integer> given = new HashSet<>();
    private final Map<String, Integer> workloads = new HashMap<>();
    private final Map<Integer, Integer> users = new HashMap<>();

    /** The label set that a workload had last with a number. */
    private final Map<String, String> assigned = new HashMap<>();

    private int givenAgain;

    StoredNumbers(Observations<Integer> numbers) {
        this.numbers = numbers;
    }

    /** Follows one revision. */
    void committed(List<Change> changes) {
        for (Change change : changes) {
            if (Keys.IDENTITIES.contains(change.key())) {
                identity(change);
            }
        }
        for (Change change : changes) {
            if (change.key().startsWith(Keys.NODES) && change.key().contains("/workloads/")) {
                workload(change);
            }
        }
        for (Change change : changes) {
            if (Keys.IDENTITIES.contains(change.key()) && change.value() == null) {
                int id = number(change);
                if (users.getOrDefault(id, 0) > 0) {
                    throw new AssertionError("identity " + id + " is deleted while a workload has it");
                }
            }
        }
    }

    /** How often a number that had been freed was given again. */
    int givenAgain() {
        return givenAgain;
    }

    Optional<Integer> number(String label) {
        return Optional.ofNullable(numberOf.get(label));
    }

    boolean isLive(int number) {
        return labelOf.containsKey(number);
    }

    /** Whether the workload is there. */
    boolean has(String workloadKey) {
        return workloads.containsKey(workloadKey);
    }

    /** What a workload's number stood for when it got it. */
    String assigned(String uid, int id) {
        return requireNonNull(assigned.get(uid + id), uid);
    }

    private void identity(Change change) {
        int id = number(change);
        String before = labelOf.remove(id);
        if (before != null) {
            numbers.remove(id, before);
            numberOf.remove(before);
        }
        if (change.value() == null) {
            return;
        }
        Identity identity = parse(change.value(), Identity.parser());
        String label = label(identity.getLabelSet().getLabelsMap());
        if (before != null && !before.equals(label)) {
            throw new AssertionError("identity " + id + " was " + before + " and became " + label);
        }
        Integer other = numberOf.put(label, id);
        if (other != null) {
            throw new AssertionError("label set " + label + " has the numbers " + other + " and " + id);
        }
        labelOf.put(id, label);
        if (before == null && !given.add(id)) {
            givenAgain++;
        }
        numbers.add(id, label, "the store");
    }

    private void workload(Change change) {
        Integer before = workloads.remove(change.key());
        if (before != null) {
            users.merge(before, -1, Integer::sum);
        }
        if (change.value() != null) {
            Workload workload = parse(change.value(), Workload.parser());
            String label = label(workload.getLabelSet().getLabelsMap());
            if (!label.equals(labelOf.get(workload.getIdentity()))) {
                throw new AssertionError("workload %s is written as %s with number %d, which is %s"
                        .formatted(workload.getName(), label, workload.getIdentity(), labelOf));
            }
            workloads.put(change.key(), workload.getIdentity());
            users.merge(workload.getIdentity(), 1, Integer::sum);
            assigned.put(workload.getUid() + workload.getIdentity(), label);
        }
    }

    private static int number(Change change) {
        return Keys.identityNumber(Keys.IDENTITIES.parts(change.key())[0]);
    }

    static String label(Map<String, String> labels) {
        return requireNonNull(labels.get(Pods.LABEL));
    }

    static <M extends MessageLite> M parse(@Nullable ByteSequence value, Parser<M> parser) {
        return new EtcdChange.Entry("", requireNonNull(value), 0).parse(parser);
    }
}
