import com.sun.net.httpserver.HttpServer;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;

/** Two services: the one that is asked asks the other, which has the loopback only. */
class Service {
    static void serve(InetSocketAddress address, java.util.concurrent.Callable<String> answer) throws Exception {
        HttpServer server = HttpServer.create(address, 0);
        server.createContext("/", exchange -> {
            try {
                byte[] text = answer.call().getBytes();
                exchange.sendResponseHeaders(200, text.length);
                exchange.getResponseBody().write(text);
            } catch (Exception error) {
                byte[] text = error.toString().getBytes();
                exchange.sendResponseHeaders(500, text.length);
                exchange.getResponseBody().write(text);
            }
            exchange.close();
        });
        server.start();
    }

    public static void main(String[] args) throws Exception {
        HttpClient client = HttpClient.newHttpClient();
        serve(new InetSocketAddress(InetAddress.getLoopbackAddress(), 8091), () -> "stock 7");
        HttpRequest inner = HttpRequest.newBuilder(URI.create("http://localhost:8091/")).build();
        serve(new InetSocketAddress(8090), () -> "java says " + client.send(inner, HttpResponse.BodyHandlers.ofString()).body());
    }
}
