package io.pilus.node.policy;

import io.pilus.node.NodeConfig;
import jakarta.enterprise.inject.Disposes;
import jakarta.enterprise.inject.Produces;
import jakarta.inject.Singleton;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;

/** The numbers of rules, for everybody who has to do with them. */
class PolicyBeans {

    @Produces
    @Singleton
    RuleNumberFile ruleNumbers(NodeConfig config) {
        Path file = config.stateDir().resolve("rules");
        try {
            return RuleNumberFile.open(file);
        } catch (IOException e) {
            throw new UncheckedIOException("the numbers of rules in " + file + " cannot be read", e);
        }
    }

    void close(@Disposes RuleNumberFile numbers) throws IOException {
        numbers.close();
    }
}
