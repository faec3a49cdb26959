package io.pilus.policy;

import jakarta.enterprise.context.ApplicationScoped;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Tells this process from the service's other replicas: {@code pilus.replica}, else host name and process id. */
@ApplicationScoped
public class Replica {

    private final String id;

    public Replica(@ConfigProperty(name = "pilus.replica") Optional<String> configured) {
        this.id = configured.orElseGet(Replica::ofThisProcess);
    }

    public String id() {
        return id;
    }

    private static String ofThisProcess() {
        long pid = ProcessHandle.current().pid();
        try {
            return InetAddress.getLocalHost().getHostName() + "-" + pid;
        } catch (UnknownHostException e) {
            return "localhost-" + pid;
        }
    }
}
