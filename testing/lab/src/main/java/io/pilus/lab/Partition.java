package io.pilus.lab;

/** Two groups of the lab's namespaces that do not hear each other; ARP and neighbour discovery are cut as well. */
public final class Partition implements AutoCloseable {

    private final Runnable heal;

    Partition(Runnable heal) {
        this.heal = heal;
    }

    /** They hear each other again. */
    @Override
    public void close() {
        heal.run();
    }
}
