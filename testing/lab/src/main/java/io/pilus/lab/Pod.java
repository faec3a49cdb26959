package io.pilus.lab;

import java.util.List;

/** A running pod of the lab. */
public final class Pod {

    private final PodSpec spec;
    private final Attachment attachment;
    private final Daemon process;
    private final Prober prober;

    Pod(PodSpec spec, Attachment attachment, Daemon process, Prober prober) {
        this.spec = spec;
        this.attachment = attachment;
        this.process = process;
        this.prober = prober;
    }

    public PodSpec spec() {
        return spec;
    }

    public String namespace() {
        return spec.namespace();
    }

    public String name() {
        return spec.name();
    }

    public String node() {
        return spec.node();
    }

    /** The name of its network namespace. */
    public String netns() {
        return attachment.netns();
    }

    public String uid() {
        return attachment.uid();
    }

    public String containerId() {
        return attachment.containerId();
    }

    /** The number that stands for its labels. */
    public int identity() {
        return attachment.identity();
    }

    public List<String> addresses() {
        return attachment.addresses();
    }

    public String ipv4() {
        return addresses().stream().filter(a -> a.indexOf(':') < 0).findFirst().orElseThrow();
    }

    public String ipv6() {
        return addresses().stream().filter(a -> a.indexOf(':') >= 0).findFirst().orElseThrow();
    }

    /** Makes connections from inside the pod. */
    public Prober prober() {
        return prober;
    }

    Daemon process() {
        return process;
    }

    @Override
    public String toString() {
        return namespace() + "/" + name();
    }

    /** What identity-service and the agent said about it. */
    record Attachment(String uid, String containerId, String netns, int identity, List<String> addresses) {}
}
