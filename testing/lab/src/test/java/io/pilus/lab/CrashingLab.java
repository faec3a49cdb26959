package io.pilus.lab;

/** A process that starts a lab and dies without a chance to clean up; or waits to be interrupted. */
final class CrashingLab {

    private CrashingLab() {}

    public static void main(String[] args) throws InterruptedException {
        Lab.start(
                LabConfig.named(args[0]).network(250).services().withoutAgents().build());
        if (args.length > 1) {
            System.out.println("started");
            Thread.currentThread().join();
        }
        Tool.run("sh", "-c", "kill -KILL $PPID");
    }
}
