package io.pilus.lab;

/** A process that starts a lab and dies without a chance to clean up. */
final class CrashingLab {

    private CrashingLab() {}

    public static void main(String[] args) {
        Lab.start(
                LabConfig.named(args[0]).network(250).services().withoutAgents().build());
        Tool.run("sh", "-c", "kill -KILL $PPID");
    }
}
