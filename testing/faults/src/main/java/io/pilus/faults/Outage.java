package io.pilus.faults;

import io.pilus.lab.Daemon;
import io.pilus.lab.Lab;
import io.pilus.lab.Partition;
import java.util.Collection;
import java.util.List;

/** How a part of the cluster is taken away. */
public enum Outage {

    /** SIGKILL; at the end it is started again. */
    KILLED("killed with SIGKILL"),

    /** SIGSTOP; at the end SIGCONT. */
    STOPPED("stopped with SIGSTOP"),

    /** Every packet between it and the control plane is dropped. */
    CUT_OFF("cut off: every packet to and from etcd dropped");

    private final String text;

    Outage(String text) {
        this.text = text;
    }

    /** In the words of a report. */
    public String text() {
        return text;
    }

    /**
     * Begins; close what is returned to end it. What then still has to become ready, {@link Lab#awaitReady()} waits for.
     *
     * @param parts etcd, services and agents
     */
    public Ongoing begin(Lab lab, List<Daemon> parts) {
        switch (this) {
            case KILLED -> parts.forEach(Daemon::kill);
            case STOPPED -> parts.forEach(Daemon::pause);
            case CUT_OFF -> {
                return cutOff(lab, parts);
            }
        }
        return () -> {
            for (Daemon part : parts) {
                if (this == KILLED) {
                    part.start();
                } else {
                    part.resume();
                }
            }
        };
    }

    /** The traffic of a node's pods passes, whatever becomes of its agent. */
    private static Ongoing cutOff(Lab lab, List<Daemon> parts) {
        String etcd = lab.etcd().netns();
        Collection<String> cut = parts.contains(lab.etcd()) ? lab.controlPlaneUsers() : netns(parts);
        Partition partition = lab.partition(List.of(etcd), cut);
        return partition::close;
    }

    private static List<String> netns(List<Daemon> parts) {
        return parts.stream().map(Daemon::netns).distinct().toList();
    }

    /** An outage that lasts. */
    @FunctionalInterface
    public interface Ongoing extends AutoCloseable {

        @Override
        void close();
    }
}
