package io.pilus.lab;

/** Told what the lab is doing; called from several threads. */
@FunctionalInterface
public interface Progress {

    /** Says nothing. */
    Progress SILENT = _ -> {};

    /** One line, for example {@code policy-service is ready (2.1 s)}. */
    void say(String line);
}
