package io.pilus.identity.leader;

import jakarta.enterprise.context.ApplicationScoped;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.util.Optional;
import org.eclipse.microprofile.config.inject.ConfigProperty;

/** Tells this process from the service's other replicas: {@code pilus.replica}, else host name and process id. */
@ApplicationScoped
class Replica {

    private final String name;

    Replica(@ConfigProperty(name = "pilus.replica") Optional<String> configured) {
        this.name = configured.orElseGet(
                () -> host() + "-" + ProcessHandle.current().pid());
    }

    String name() {
        return name;
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostName();
        } catch (UnknownHostException e) {
            return "localhost";
        }
    }
}
