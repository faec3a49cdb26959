package io.pilus.cli;

import io.pilus.lab.LabState;
import io.pilus.lab.Rest;
import io.pilus.lab.Service;
import java.net.URI;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import picocli.CommandLine.Option;

/** Which cluster a command speaks to: services named by the environment, or a lab on this machine. */
final class Cluster {

    @Option(
            names = "--lab",
            paramLabel = "NAME",
            description = "the cluster on this machine to speak to; by default the only one that runs")
    @Nullable
    String lab;

    /** The service's REST: what PILUS_IDENTITY_URL and the like say, else the lab's. */
    Rest service(Service service) {
        return Rest.at(uri(service, System.getenv(), this::running));
    }

    private URI running(Service service) {
        return lab().uri(service);
    }

    static URI uri(Service service, Map<String, String> environment, Function<Service, URI> otherwise) {
        String variable = "PILUS_" + service.name().toUpperCase(Locale.ROOT) + "_URL";
        String named = environment.get(variable);
        if (named == null || named.isBlank()) {
            return otherwise.apply(service);
        }
        if (!named.matches("https?://[^/]+")) {
            throw new UserException(
                    variable + " is '" + named + "'; it should look like http://10.0.0.1:" + service.port());
        }
        return URI.create(named);
    }

    /**
     * The lab.
     *
     * @throws UserException when none runs, or several and none was named
     */
    LabState lab() {
        return choose(LabState.all(), lab);
    }

    static LabState choose(List<LabState> running, @Nullable String wanted) {
        if (wanted != null) {
            return running.stream()
                    .filter(state -> state.name().equals(wanted))
                    .findFirst()
                    .orElseThrow(() -> new UserException("no lab '" + wanted + "' runs here; './pilus up' starts one"));
        }
        Optional<LabState> ups = running.stream()
                .filter(state -> state.name().equals(UpCommand.LAB))
                .findFirst();
        if (ups.isPresent()) {
            return ups.get();
        }
        if (running.size() == 1) {
            return running.getFirst();
        }
        throw new UserException(
                running.isEmpty()
                        ? "no cluster runs on this machine: './pilus up' starts one; or name services elsewhere by"
                                + " PILUS_IDENTITY_URL, PILUS_POLICY_URL and PILUS_IPAM_URL"
                        : "several labs run here; choose one by --lab: "
                                + running.stream().map(LabState::name).toList());
    }
}
