package io.pilus.lab;

/** A pod's process in its network namespace, before it is attached. */
public final class Sandbox {

    private final PodSpec spec;
    private final String netns;
    private final Daemon process;
    private final Prober prober;

    Sandbox(PodSpec spec, String netns, Daemon process, Prober prober) {
        this.spec = spec;
        this.netns = netns;
        this.process = process;
        this.prober = prober;
    }

    /** Sends and watches from inside, also while there is no interface. */
    public Prober prober() {
        return prober;
    }

    public PodSpec spec() {
        return spec;
    }

    String netns() {
        return netns;
    }

    Daemon process() {
        return process;
    }
}
