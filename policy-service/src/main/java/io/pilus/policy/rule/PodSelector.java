package io.pilus.policy.rule;

import io.pilus.contract.v1.NamedPort;
import io.pilus.policy.rule.LabelSelector.Operator;
import io.pilus.policy.rule.LabelSelector.Requirement;
import java.util.List;
import java.util.Optional;
import org.jspecify.annotations.Nullable;

/**
 * Pods, by their labels and those of their namespaces.
 *
 * @param port only pods that serve this port under this name; null for all
 */
public record PodSelector(
        LabelSelector namespaces,
        LabelSelector pods,
        @Nullable NamedPort port) {

    /** On every namespace, with its name. */
    public static final String NAMESPACE_NAME = "kubernetes.io/metadata.name";

    public static final PodSelector EVERY_POD = new PodSelector(LabelSelector.EVERYTHING, LabelSelector.EVERYTHING);

    public PodSelector(LabelSelector namespaces, LabelSelector pods) {
        this(namespaces, pods, null);
    }

    /** The pods of one namespace. */
    public static PodSelector in(String namespace, LabelSelector pods) {
        return new PodSelector(
                new LabelSelector(List.of(new Requirement(NAMESPACE_NAME, Operator.IN, List.of(namespace)))), pods);
    }

    /** Those of these pods that serve this port under this name. */
    public PodSelector serving(NamedPort served) {
        return new PodSelector(namespaces, pods, served);
    }

    /** The one namespace whose pods it can match, if it says so. */
    public Optional<String> namespace() {
        return namespaces.requirements().stream()
                .filter(requirement -> requirement.key().equals(NAMESPACE_NAME)
                        && requirement.operator() == Operator.IN
                        && requirement.values().size() == 1)
                .map(requirement -> requirement.values().getFirst())
                .findFirst();
    }

    /** Canonical: two selectors with one text match the same pods. */
    @Override
    public String toString() {
        String text = "namespaces[" + namespaces + "] pods[" + pods + "]";
        return port == null
                ? text
                : text + " port[" + port.getName() + "/" + port.getProtocol().getNumber() + "=" + port.getPort() + "]";
    }
}
