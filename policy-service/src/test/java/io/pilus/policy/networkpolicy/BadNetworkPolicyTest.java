package io.pilus.policy.networkpolicy;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import io.pilus.policy.rule.Findings.Finding;
import io.pilus.policy.source.DocumentReader;
import io.pilus.policy.source.ParsedDocument;
import io.pilus.policy.source.Sources;
import io.pilus.rest.ProblemException;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class BadNetworkPolicyTest {

    private final DocumentReader reader = new DocumentReader(List.of(new NetworkPolicyDialect()));

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            podSelector: {}, ingres: []                                            | /spec/ingres                          | no field is called 'ingres'
            podSelector: []                                                        | /spec/podSelector                     | must be an object, not []
            podSelector: {matchLabels: {a: 1}}                                     | /spec/podSelector/matchLabels/a       | put 1 in quotes
            podSelector: {matchLabels: {a: yes}}                                   | /spec/podSelector/matchLabels/a       | must be a string
            podSelector: {matchLabels: {-a: b}}                                    | /spec/podSelector/matchLabels/-a      | is no label key
            podSelector: {matchLabels: {x/y/z: b}}                                 | /spec/podSelector/matchLabels/x~1y~1z | is no label key
            podSelector: {matchLabels: {a: b c}}                                   | /spec/podSelector/matchLabels/a       | is no label value
            podSelector: {matchExpressions: [{key: a, operator: Is, values: [b]}]} | /spec/podSelector/matchExpressions/0/operator | none of In, NotIn, Exists, DoesNotExist
            podSelector: {matchExpressions: [{key: a, operator: In}]}              | /spec/podSelector/matchExpressions/0/values   | need at least one value
            podSelector: {matchExpressions: [{key: a, operator: Exists, values: [b]}]} | /spec/podSelector/matchExpressions/0/values | take no values
            podSelector: {matchExpressions: [{operator: Exists}]}                  | /spec/podSelector/matchExpressions/0/key      | is missing
            policyTypes: [ingress]                                                 | /spec/policyTypes/0                   | neither Ingress nor Egress
            ingress: {}                                                            | /spec/ingress                         | must be a list
            ingress: [null]                                                        | /spec/ingress/0                       | {} allows everything
            ingress: [{to: []}]                                                    | /spec/ingress/0/to                    | no field is called 'to'
            ingress: [{from: [{}]}]                                                | /spec/ingress/0/from/0                | names no peer
            ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}]}]    | /spec/ingress/0/from/0                | ipBlock stands alone
            ingress: [{from: [{ipBlock: {}}]}]                                     | /spec/ingress/0/from/0/ipBlock/cidr   | is missing
            ingress: [{from: [{ipBlock: {cidr: 10.0.0.1/8}}]}]                     | /spec/ingress/0/from/0/ipBlock/cidr   | did you mean 10.0.0.0/8?
            ingress: [{from: [{ipBlock: {cidr: 10.0.0.0}}]}]                       | /spec/ingress/0/from/0/ipBlock/cidr   | has no prefix length
            ingress: [{from: [{ipBlock: {cidr: example.com/8}}]}]                  | /spec/ingress/0/from/0/ipBlock/cidr   | is not an IP address
            ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}]}] | /spec/ingress/0/from/0/ipBlock/except/0 | is not a part of 10.0.0.0/8
            ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]  | /spec/ingress/0/from/0/ipBlock/except/0 | is not a part of 10.0.0.0/8
            ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: ['fd00::/64']}}]}] | /spec/ingress/0/from/0/ipBlock/except/0 | is not a part of 10.0.0.0/8
            ingress: [{ports: [{endPort: 90}]}]                                    | /spec/ingress/0/ports/0/endPort       | needs 'port'
            ingress: [{ports: [{port: 100, endPort: 90}]}]                         | /spec/ingress/0/ports/0/endPort       | 90 is below port 100
            ingress: [{ports: [{port: http, endPort: 90}]}]                        | /spec/ingress/0/ports/0/endPort       | a name has no range
            ingress: [{ports: [{port: 0}]}]                                        | /spec/ingress/0/ports/0/port          | between 1 and 65535
            ingress: [{ports: [{port: 70000}]}]                                    | /spec/ingress/0/ports/0/port          | between 1 and 65535
            ingress: [{ports: [{port: 80.5}]}]                                     | /spec/ingress/0/ports/0/port          | must be a whole number
            ingress: [{ports: [{port: '80'}]}]                                     | /spec/ingress/0/ports/0/port          | is no port name
            ingress: [{ports: [{port: a--b}]}]                                     | /spec/ingress/0/ports/0/port          | is no port name
            ingress: [{ports: [{protocol: ICMP}]}]                                 | /spec/ingress/0/ports/0/protocol      | none of TCP, UDP, SCTP
            ingress: [{ports: [{protocol: tcp}]}]                                  | /spec/ingress/0/ports/0/protocol      | none of TCP, UDP, SCTP
            """)
    void saysWhereAndWhatIsWrong(String spec, String pointer, String detail) {
        ProblemException problem = refused("""
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: a, namespace: shop}
                spec: {%s}
                """.formatted(spec));

        assertThat(errors(problem)).singleElement().satisfies(error -> {
            assertThat(error.pointer()).isEqualTo(pointer);
            assertThat(error.detail()).contains(detail);
        });
    }

    @ParameterizedTest(name = "{0}")
    @CsvSource(delimiter = '|', quoteCharacter = '`', textBlock = """
            {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}}                        | /spec               | is missing
            {apiVersion: v1, kind: NetworkPolicy, metadata: {name: a}, spec: {}}                                | /apiVersion         | must be networking.k8s.io/v1
            {apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {}}                                          | /kind               | 'Pod' is none of NetworkPolicy
            {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, spec: {}}                                   | /metadata/name      | is missing
            {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: A}, spec: {}}              | /metadata/name      | is no name
            {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, namespace: x.y}, spec: {}} | /metadata/namespace | is no namespace
            {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a, label: {}}, spec: {}}   | /metadata/label     | no field is called 'label'
            {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: a}, spec: {}, extra: 1}    | /extra              | no field is called 'extra'
            """)
    void saysWhatIsWrongAroundTheSpec(String document, String pointer, String detail) {
        assertThat(errors(refused(document))).anySatisfy(error -> {
            assertThat(error.pointer()).isEqualTo(pointer);
            assertThat(error.detail()).contains(detail);
        });
    }

    @Test
    void findsEverythingAtOnce() {
        ProblemException problem = refused("""
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: a, namespace: shop}
                spec:
                  podSelektor: {}
                  ingress:
                    - ports: [{port: 0}, {protocol: tcp}]
                      from: [{ipBlock: {cidr: 10.0.0.1/8}}]
                """);

        assertThat(errors(problem))
                .extracting(Finding::pointer)
                .containsExactlyInAnyOrder(
                        "/spec/podSelektor",
                        "/spec/ingress/0/ports/0/port",
                        "/spec/ingress/0/ports/1/protocol",
                        "/spec/ingress/0/from/0/ipBlock/cidr");
    }

    @Test
    void rulesOfADirectionThatIsNotNamedAreAWarning() {
        ParsedDocument parsed = read("""
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata: {name: a, namespace: shop}
                spec:
                  podSelector: {}
                  policyTypes: [Ingress]
                  egress: [{}]
                """);

        assertThat(parsed.warnings())
                .singleElement()
                .satisfies(warning -> assertThat(warning.toString())
                        .isEqualTo("/spec/egress: has no effect: policyTypes does not name Egress"));
        assertThat(parsed.policy().rules()).isEmpty();
    }

    @Test
    void whatAServerAddsIsTakenAndNotStored() {
        ParsedDocument parsed = read("""
                apiVersion: networking.k8s.io/v1
                kind: NetworkPolicy
                metadata:
                  name: a
                  namespace: shop
                  uid: 0f5c
                  resourceVersion: "7"
                  creationTimestamp: 2026-01-01T00:00:00Z
                  managedFields: [{manager: kubectl}]
                  labels: {team: web}
                spec: {podSelector: {}}
                status: {}
                """);

        assertThat(new String(parsed.source(), UTF_8))
                .isEqualTo("{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\",\"metadata\":"
                        + "{\"name\":\"a\",\"namespace\":\"shop\",\"labels\":{\"team\":\"web\"}},"
                        + "\"spec\":{\"podSelector\":{}}}");
    }

    private ParsedDocument read(String yaml) {
        return reader.read(Sources.yaml(yaml.getBytes(UTF_8)).getFirst(), null);
    }

    private ProblemException refused(String yaml) {
        ProblemException problem = catchThrowableOfType(ProblemException.class, () -> read(yaml));
        assertThat(problem).as("refused").isNotNull();
        return problem;
    }

    @SuppressWarnings("unchecked")
    private static List<Finding> errors(ProblemException problem) {
        return (List<Finding>) problem.members().getOrDefault("errors", List.of());
    }
}
