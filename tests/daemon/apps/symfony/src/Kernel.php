<?php

namespace App;

use Symfony\Bundle\FrameworkBundle\FrameworkBundle;
use Symfony\Bundle\FrameworkBundle\Kernel\MicroKernelTrait;
use Symfony\Component\DependencyInjection\Loader\Configurator\ContainerConfigurator;
use Symfony\Component\HttpFoundation\JsonResponse;
use Symfony\Component\HttpFoundation\Request;
use Symfony\Component\HttpFoundation\Response;
use Symfony\Component\HttpFoundation\StreamedResponse;
use Symfony\Component\HttpKernel\Exception\NotFoundHttpException;
use Symfony\Component\HttpKernel\Kernel as BaseKernel;
use Symfony\Component\Routing\Loader\Configurator\RoutingConfigurator;

class Kernel extends BaseKernel
{
    use MicroKernelTrait;

    public function registerBundles(): iterable
    {
        yield new FrameworkBundle();
    }

    public function getProjectDir(): string
    {
        return dirname(__DIR__);
    }

    protected function configureContainer(ContainerConfigurator $container): void
    {
        $container->extension('framework', [
            'secret' => 'of the tests',
            'http_method_override' => false,
            'handle_all_throwables' => true,
            'php_errors' => ['log' => true],
            'router' => ['utf8' => true],
            'session' => ['handler_id' => null, 'storage_factory_id' => 'session.storage.factory.native', 'cookie_secure' => 'auto', 'cookie_samesite' => 'lax'],
        ]);
    }

    protected function configureRoutes(RoutingConfigurator $routes): void
    {
        foreach (['json', 'echo', 'count', 'upload', 'fail', 'abort', 'stream', 'missing', 'runner'] as $name)
            $routes->add($name, "/$name")->controller([$this, $name]);
        $routes->add('item', '/item/{id}')->controller([$this, 'item'])->requirements(['id' => '\d+']);
    }

    public function json(): JsonResponse
    {
        return new JsonResponse(['hello' => 'world', 'numbers' => [1, 2, 3]]);
    }

    public function item(int $id): JsonResponse
    {
        return new JsonResponse(['id' => $id], 200, ['X-Item' => (string) $id]);
    }

    /** All that a request can bring, so that what an earlier one left would show. */
    public function echo(Request $request): JsonResponse
    {
        return new JsonResponse([
            'method' => $request->getMethod(),
            'query' => $request->query->all(),
            'post' => $request->request->all(),
            'cookies' => $request->cookies->all(),
            'user' => $request->getUser(),
            'body' => $request->getContent(),
            'header' => $request->headers->get('X-Test'),
            'files' => count($request->files->all()),
            'session' => $request->hasPreviousSession(),
        ]);
    }

    public function count(Request $request): Response
    {
        $session = $request->getSession();
        $session->set('n', $session->get('n', 0) + 1);

        return new Response((string) $session->get('n'));
    }

    public function upload(Request $request): JsonResponse
    {
        $file = $request->files->get('f');

        return new JsonResponse([$file->getClientOriginalName(), md5_file($file->getPathname())]);
    }

    public function fail(): Response
    {
        throw new \RuntimeException('this controller fails');
    }

    public function abort(): Response
    {
        exit('the controller said exit');
    }

    public function stream(): StreamedResponse
    {
        return new StreamedResponse(static function (): void {
            foreach (['one', 'two', 'three'] as $part) {
                echo $part, "\n";
                flush();
            }
        });
    }

    /** What calls the kernel. */
    public function runner(): Response
    {
        $classes = array_column(debug_backtrace(), 'class');

        return new Response(end($classes));
    }

    public function missing(): Response
    {
        throw new NotFoundHttpException('it is not there');
    }
}
